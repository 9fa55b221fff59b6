/** Sets the engine as the command does; it is imported before anything that is measured. */
import { setFlagsFromString } from 'node:v8';

setFlagsFromString('--no-allocation-site-pretenuring');
