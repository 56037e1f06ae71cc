/**
 * The program with a clock that stands still, so that its screens can be compared. `WATCH_CRASH_AFTER` makes the clock
 * fail after so many looks at it: a mistake of ours in the midst of drawing.
 */
import { main } from "../../src/cli/main.ts";

const { WATCH_NOW = "", WATCH_CRASH_AFTER } = process.env;
let looks = 0;

process.exitCode = await main({
  argv: process.argv.slice(2),
  env: process.env,
  now: () => {
    if (WATCH_CRASH_AFTER !== undefined && ++looks > Number(WATCH_CRASH_AFTER))
      throw new TypeError("the clock fell off the wall");
    return Number(WATCH_NOW);
  },
});
