/**
 * Runs simulations from the command line, without the rest of the product:
 *
 *   node dist/src/sim/main.js [--seed S | --seeds A..B] [--steps N] [--twice] [--json] [--script FILE]
 *
 *   --seed S        one seed; --seeds A..B: all from A to B, both included. Default: 1
 *   --steps N       messages and proposals before faults stop. Default: 20000
 *   --twice         each seed twice; differing traces are a violation ("determinism")
 *   --shrink        cuts a failing seed down to a short script and prints that
 *   --script FILE   replays a script that was printed so
 *   --keep-going    does not stop at the first violation
 *   --json          one object on standard output, instead of lines for people
 *
 * Exit status: 0 no violation, 1 a violation, 2 wrong use. With `--json` the object is
 *
 *   {"seeds": n, "steps": n, "cpuSeconds": n, "stepsPerCpuMinute": n, "elections": n, …,
 *    "violations": [{"seed": n, "checker": "log-matching", "message": "…", "step": n, "atMs": n,
 *                    "replay": "node dist/src/sim/main.js --seed …"}]}
 *
 * It may be run from any directory that holds a compiled copy of `src` (patched, say): it imports
 * nothing but its neighbours there.
 */
import {runFromArguments} from './run.js'

process.exitCode = await runFromArguments(process.argv.slice(2))
