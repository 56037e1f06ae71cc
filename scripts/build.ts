#!/usr/bin/env -S bun --no-env-file --config=/dev/null --tsconfig-override=/dev/null
/**
 * Builds the installed form of the command line: `bun scripts/build.ts [FOLDER]`, by default into dist/program.
 *
 * What agents run at every step, and reports, become a few files that load at once; each command that is rarer stays a
 * file of its own, loaded when it is asked for. Every module is in it once, so an error of one part is known to all.
 * Names and lines are kept, for stack traces that can be read.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";

const ROOT = join(import.meta.dir, "..");
const SOURCE = join(ROOT, "src");
const LAZY = "lazy:";
const REPORT_CORE = "core/report";
const AGENT_CORE = "core/agent";

/** What a process of each begins with. */
const BIN = "cli/bin.ts";
const MAIN = "cli/main.ts";
const AGENT_STARTS = ["cli/statusline-start.ts", "cli/hook-start.ts", "cli/migrate-start.ts"];
/** What some of them load lazily; the rest of the core need not be read for it. */
const AGENT_PARTS = ["engine/sqlite/file-links.ts"];
/** Loaded lazily in the source, but by nearly every command, or by every report. */
const REPORT_PARTS = [
  MAIN,
  "cli/commands/report/period.ts",
  "cli/commands/report/session.ts",
  "cli/commands/report/blocks.ts",
  "cli/render-usage.ts",
  "cli/plain-table.ts",
  "store/usage-config.ts",
  "store/usage-rollups.ts",
  "store/usage-session-totals.ts",
  "store/prices.ts",
];

const transpiler = new Bun.Transpiler({ loader: "ts" });
const at = (module: string): string => join(SOURCE, module);
const nameOf = (path: string): string => relative(SOURCE, path);
const isLazy = (kind: string): boolean => kind === "require-call" || kind === "dynamic-import";
const textOf = (module: string): string => readFileSync(at(module), "utf8");
/** The scanner knows no first line that is for the system. */
const codeOf = (module: string): string => textOf(module).replace(/^#!.*/, "");

interface Import {
  readonly module: string;
  readonly isLazy: boolean;
}

function importsOf(module: string): Import[] {
  return transpiler
    .scanImports(codeOf(module))
    .flatMap(({ path, kind }) =>
      path.startsWith(".")
        ? [{ module: nameOf(join(SOURCE, dirname(module), path)), isLazy: isLazy(kind) }]
        : [],
    );
}

/** The modules and everything that they cannot be loaded without. */
function withImports(modules: readonly string[]): Set<string> {
  const reached = new Set(modules);
  for (const module of reached)
    for (const found of importsOf(module)) if (!found.isLazy) reached.add(found.module);
  return reached;
}

const reportModules = withImports(REPORT_PARTS);
const agentModules = withImports([...AGENT_STARTS, ...AGENT_PARTS]);
const coreOf = (module: string): string | null => {
  if (agentModules.has(module)) return AGENT_CORE;
  return reportModules.has(module) ? REPORT_CORE : null;
};

/** An export's name beside those of all other modules. */
const coreName = (module: string, name: string): string =>
  `${name}$${module.replaceAll(/[^a-z]/g, "_")}`;

function coreText(modules: Iterable<string>, extra = ""): string {
  const lines = [...modules].map((module) => {
    const { exports } = transpiler.scan(codeOf(module));
    const names = exports.map((name) => `${name} as ${coreName(module, name)}`);
    return `export { ${names.join(", ")} } from ${JSON.stringify(at(module))};`;
  });
  return `${lines.join("\n")}\n${extra}`;
}

/** A module of a core, for the parts that are built beside it. */
function stubText(module: string): string {
  const { exports } = transpiler.scan(codeOf(module));
  const names = exports.map((name) => `${coreName(module, name)} as ${name}`);
  return `export { ${names.join(", ")} } from "${LAZY}${String(coreOf(module))}.js";`;
}

const allModules = [...new Bun.Glob("**/*.ts").scanSync(SOURCE)].filter(
  (file) => !file.endsWith(".d.ts"),
);
const lazyModules = new Set(
  allModules.flatMap((module) =>
    importsOf(module)
      .filter((one) => one.isLazy)
      .map((one) => one.module),
  ),
);

/** Where a lazy import finds its module in the built form; null where it is imported at once instead. */
function lazyTarget(module: string, importer: string): string | null {
  if ([...AGENT_STARTS, ...AGENT_PARTS].includes(module))
    return `core/${basename(module, ".ts")}.js`;
  if (module === MAIN) return `${REPORT_CORE}.js`;
  const isAtOnce = coreOf(importer) === REPORT_CORE && coreOf(module) !== null;
  return !isAtOnce ? module.replace(/\.ts$/, ".js") : null;
}

/** Where the program is started again, its own file has another place. */
function partText(module: string): string {
  if (coreOf(module) !== null) return stubText(module);
  return textOf(module).replace('resolve("./bin.ts")', `resolve("${LAZY}core/bin.js")`);
}

/** The bundler makes a file of its own of everything that is loaded lazily; what is in the core is imported at once. */
function coreModuleText(module: string): string {
  const text = textOf(module);
  const imports: string[] = [];
  const replaced = text.replaceAll(
    /\b(?:require|import)\("(\.[^"]+)"\)/g,
    (whole, path: string) => {
      const target = nameOf(join(SOURCE, dirname(module), path));
      if (coreOf(target) === null || lazyTarget(target, module) !== null) return whole;
      const name = `lazily$${imports.length}`;
      imports.push(`import * as ${name} from ${JSON.stringify(path)};`);
      return name;
    },
  );
  // On the last lines, so that those of the text keep their numbers.
  return `${replaced}\n${imports.join("\n")}\n`;
}

const cores: Readonly<Record<string, string>> = {
  [at(`${REPORT_CORE}.ts`)]: coreText(
    [...reportModules].filter((module) => !agentModules.has(module)),
    `export { main } from ${JSON.stringify(at(MAIN))};`,
  ),
  [at(`${AGENT_CORE}.ts`)]: coreText(agentModules),
};

function plugin(isCore: boolean): Bun.BunPlugin {
  return {
    name: isCore ? "core" : "parts",
    setup(bundler) {
      bundler.onResolve({ filter: /\/src\/core\/\w+\.ts$/ }, ({ path }) => ({ path }));
      bundler.onResolve({ filter: /^lazy:/ }, ({ path }) => ({ path, external: true }));
      bundler.onResolve({ filter: /^\./ }, ({ path, importer, kind }) => {
        if (!isLazy(kind)) return undefined;
        const target = lazyTarget(nameOf(join(dirname(importer), path)), nameOf(importer));
        return target === null ? undefined : { path: `${LAZY}${target}`, external: true };
      });
      bundler.onLoad({ filter: /\/src\/.*\.ts$/ }, ({ path }) => ({
        contents: isCore ? (cores[path] ?? coreModuleText(nameOf(path))) : partText(nameOf(path)),
        loader: "ts",
      }));
    },
  };
}

async function bundle(entrypoints: string[], isCore: boolean): Promise<Bun.BuildArtifact[]> {
  const { outputs } = await Bun.build({
    entrypoints,
    root: SOURCE,
    target: "bun",
    format: "esm",
    splitting: true,
    packages: "external",
    naming: {
      entry: isCore ? "core/[name].[ext]" : "[dir]/[name].[ext]",
      chunk: `${isCore ? "core" : "parts"}/[name]-[hash].[ext]`,
    },
    plugins: [plugin(isCore)],
  });
  return outputs;
}

const folder = process.argv[2] ?? join(ROOT, "dist/program");
rmSync(folder, { recursive: true, force: true });
const parts = [...lazyModules].filter(
  (module) => module !== MAIN && ![...AGENT_STARTS, ...AGENT_PARTS].includes(module),
);
const outputs = [
  ...(await bundle(
    [...[BIN, ...AGENT_STARTS, ...AGENT_PARTS].map(at), ...Object.keys(cores)],
    true,
  )),
  ...(await bundle(parts.map(at), false)),
];
for (const output of outputs) {
  const text = (await output.text()).replaceAll(/"lazy:([^"]+)"/g, (_, target: string) => {
    const path = relative(dirname(output.path), `./${target}`);
    return JSON.stringify(path.startsWith(".") ? path : `./${path}`);
  });
  const file = join(folder, output.path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}
console.log(`Wrote ${outputs.length} files to ${folder}.`);
