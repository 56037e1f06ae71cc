/** A process that does maintenance once: `bun maintain-process.ts DATABASE NOW JOB…`; prints how it ended. */
import type { JobName } from "../../src/retention/job.ts";
import { openUsageDb } from "../../src/usage-db.ts";

const [path = "", now = "", ...jobs] = process.argv.slice(2);
using db = openUsageDb(path, { now: () => Number(now) });
const report = await db.maintain({ jobs: jobs as JobName[] });
for (const { job, outcome, rows, error } of report.jobs)
  process.stdout.write(`${job} ${outcome} ${rows} ${error?.message ?? ""}\n`);
process.exitCode = report.isComplete ? 0 : 1;
