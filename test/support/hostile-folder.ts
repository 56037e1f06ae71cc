/** A folder as somebody may have made it who wants whoever works in it to run his program. */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type TempFolder, tempFolder } from "./temp-folder.ts";

export interface HostileFolder extends Disposable {
  /** Where programs are started. */
  readonly path: string;
  /** A database that only the folder's `.env` names. */
  readonly databaseOfEnv: string;
  /** What was run of it since it was last asked: the lines that its program wrote. */
  takeTraces(): string[];
}

const DEPENDENCIES = ["citty", "consola", "csv-stringify", "cli-table3", "diff"];

/** Everything that Bun looks at in the folder where it is started, each of which runs one program. */
export function hostileFolder(): HostileFolder {
  const folder: TempFolder = tempFolder();
  const trace = folder.at("trace");
  const work = (...names: string[]): string => folder.at("work", ...names);
  mkdirSync(work("node_modules"), { recursive: true });
  const evil = `require("node:fs").appendFileSync(${JSON.stringify(trace)}, process.argv.join(" ") + "\\n");`;
  const files: Readonly<Record<string, string>> = {
    "evil.ts": evil,
    "bunfig.toml":
      'preload = ["./evil.ts"]\n[run]\npreload = ["./evil.ts"]\n[test]\npreload = ["./evil.ts"]\n',
    ".env": `USAGEDB_PATH=${folder.at("of-env.db")}\n`,
    ".env.local": `USAGEDB_PATH=${folder.at("of-env.db")}\n`,
    "tsconfig.json": tsconfig(["*", "node:fs", "bun:sqlite", "./main.ts", ...DEPENDENCIES]),
    "package.json": '{"name":"usagedb","main":"evil.ts","imports":{"#x":"./evil.ts"}}',
    "index.ts": evil,
    "usagedb.ts": evil,
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(work(name), text);
  writeFileSync(work("jsconfig.json"), files["tsconfig.json"] ?? "");
  for (const name of DEPENDENCIES) {
    mkdirSync(work("node_modules", name));
    writeFileSync(work("node_modules", name, "package.json"), `{"name":"${name}","main":"i.js"}`);
    writeFileSync(work("node_modules", name, "i.js"), evil);
  }
  return {
    path: work(),
    databaseOfEnv: folder.at("of-env.db"),
    takeTraces: () => {
      const lines = existsSync(trace)
        ? readFileSync(trace, "utf8").split("\n").filter(Boolean)
        : [];
      rmSync(trace, { force: true });
      return lines;
    },
    [Symbol.dispose]: () => folder[Symbol.dispose](),
  };
}

function tsconfig(names: readonly string[]): string {
  const paths = Object.fromEntries(names.map((name) => [name, ["./evil.ts"]]));
  return JSON.stringify({ compilerOptions: { baseUrl: ".", paths } });
}
