#!/usr/bin/env node
import { main } from '../dist/index.js';

// An input that was given up may still be open, so the command ends by itself; all is written by now.
process.exit(await main(process.argv.slice(2)));
