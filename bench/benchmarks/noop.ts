/** Nothing to do, as a whole process: what every deploy and every start of a script pays. */
import { join } from "node:path";
import type { Benchmark, Budget, Contender } from "../contender.ts";
import {
  syntheticMigrations,
  writeDrizzleFolder,
  writeKyselyFolder,
  writePlainFiles,
  writeSectionFiles,
} from "../migration-set.ts";
import { buildInstalled } from "../installed.ts";
import { DBMATE, floorScript, INSTALLED, MIGRATE_SCRIPT, peerScript } from "../paths.ts";
import { type SpawnOptions, spawnTimed } from "../spawn.ts";

const SIZES = [
  { count: 3, atMost: 1.4 },
  { count: 200, atMost: 1.5 },
  { count: 1000, atMost: 1.8 },
] as const;
/** The directory's stamp is trusted only after its files have been left alone for this long. */
const SETTLE_MS = 100;

export const noop: Benchmark = {
  name: "noop",
  description: "bun scripts/migrate.ts with nothing pending, whole process",
  needsPeers: true,
  run: async ({ folder, measure, note }) => {
    buildInstalled();
    for (const { count, atMost } of SIZES) {
      note(`applying ${count} migrations with every tool`);
      const at = join(folder, String(count));
      const migrations = syntheticMigrations(count);
      const sections = writeSectionFiles(join(at, "sections"), migrations);
      const plain = writePlainFiles(join(at, "plain"), migrations);
      const drizzle = writeDrizzleFolder(join(at, "drizzle"), migrations);
      const kysely = writeKyselyFolder(join(at, "kysely"), migrations);
      await Bun.sleep(SETTLE_MS);
      const file = (tool: string): string => join(at, `${tool}.db`);
      const dbmate = [DBMATE, "--url", `sqlite:${file("dbmate")}`, "--no-dump-schema"];
      const contenders = [
        ready("hand-written floor", [
          process.execPath,
          floorScript("user-version"),
          plain,
          file("floor"),
        ]),
        ready(
          "usagedb",
          [process.execPath, MIGRATE_SCRIPT, "--dir", sections, "--db", file("usagedb")],
          { expect: /^Nothing to do: / },
        ),
        ready(
          "usagedb, installed",
          [process.execPath, INSTALLED, "migrate", "--dir", sections, "--db", file("installed")],
          { expect: /^Nothing to do: / },
        ),
        ready("dbmate", [...dbmate, "--migrations-dir", sections, "up"]),
        ready("drizzle", [
          process.execPath,
          peerScript("drizzle-migrate"),
          drizzle,
          file("drizzle"),
        ]),
        ready("kysely", [process.execPath, peerScript("kysely-migrate"), kysely, file("kysely")]),
        ready("umzug", [process.execPath, peerScript("umzug-migrate"), plain, file("umzug")]),
      ];
      await measure({
        name: `no-op, ${count} migrations`,
        contenders,
        budgets: { usagedb: budgets(atMost), "usagedb, installed": budgets(atMost) },
      });
    }
  },
};

const budgets = (atMost: number): Budget[] => [
  { atMost },
  { against: "dbmate", atMost: 1 },
  { against: "drizzle", atMost: 1 / 3, text: "≤ 1/3 drizzle" },
  { against: "kysely", atMost: 1 / 7, text: "≤ 1/7 kysely" },
  { against: "umzug", atMost: 1 / 7, text: "≤ 1/7 umzug" },
];

/** A contender whose migrations have been applied already. */
function ready(name: string, cmd: readonly string[], options: SpawnOptions = {}): Contender {
  spawnTimed(cmd);
  return { name, run: () => spawnTimed(cmd, options) };
}
