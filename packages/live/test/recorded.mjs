/*
 * Makes calls with the coverage of the specification on, and prints it as JSON: `node recorded.mjs CALLS OPTIONS`. A
 * program of its own, since the engine's coverage is of scripts as Node loads them.
 */
import { QemuSpecification } from '@spapr-dma/trace';
import { Generator, LIVE_PLACES, MachinePlanner, Random, SpecificationRecorder } from '../dist/index.js';

const CALLS_PER_MACHINE = 1500;
const [calls = '0', options = '{}'] = process.argv.slice(2);
const { monitor, ...others } = JSON.parse(options);
const random = new Random(6);
const machines = ['2.5', '2.7', '3.1', '4.1', '7.2'].map((version) => `pseries-${version}`);
const planner = new MachinePlanner(random, { qemu: '7.2.22', machines, ramMb: 256, seed: 6 });
const generator = new Generator(random, 256, { places: LIVE_PLACES, monitor: new Set(monitor), ...others });

const recorder = await SpecificationRecorder.start();
let specification = null;
for (let made = 0; made < Number(calls); made++) {
  if (made % CALLS_PER_MACHINE === 0 || specification.isAborted)
    specification = new QemuSpecification(planner.next());
  generator.answered(specification.step(generator.next(specification)));
}
process.stdout.write(JSON.stringify(await recorder.stop()));
