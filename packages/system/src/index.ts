export { type Stepped, type Stepper, stepper } from './stepper.js';
