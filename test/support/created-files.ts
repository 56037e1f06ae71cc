/** Which files and folders a program makes, and with which rights: read from its system calls. */
import { readFileSync } from "node:fs";
import { type TempFolder, tempFolder } from "./temp-folder.ts";

export interface CreatedFile {
  readonly path: string;
  readonly mode: number;
}

/** Why this cannot be seen here; null where it can. */
export const NO_CREATED_FILES: string | null =
  process.platform !== "linux"
    ? "strace is Linux's"
    : Bun.which("strace") === null
      ? "strace is not installed"
      : Bun.spawnSync(["strace", "-o", "/dev/null", "true"]).exitCode === 0
        ? null
        : "strace may not trace here";

/** Runs a command that asks for no rights to be taken away (umask 0), and returns what it and its children made. */
export async function filesMadeBy(
  command: readonly string[],
  { env, stdin = "" }: { readonly env: Record<string, string>; readonly stdin?: string },
): Promise<{ readonly made: CreatedFile[]; readonly exitCode: number; readonly stderr: string }> {
  using folder: TempFolder = tempFolder();
  const log = folder.at("log");
  const trace = ["strace", "-f", "-qq", "-s", "4096", "-o", log];
  const calls = ["-e", "trace=open,openat,creat,mkdir,mkdirat"];
  const child = Bun.spawn(
    ["sh", "-c", 'umask 0; exec "$@"', "sh", ...trace, ...calls, ...command],
    {
      env: { PATH: process.env["PATH"] ?? "", ...env },
      stdin: Buffer.from(stdin),
      stdout: "ignore",
      stderr: "pipe",
    },
  );
  const stderr = await child.stderr.text();
  const exitCode = await child.exited;
  return { made: createdIn(readFileSync(log, "utf8")), exitCode, stderr };
}

/**
 * The first making of each path: what is there already keeps its rights, whatever the next one asks for. A call that
 * another thread's interrupts is told in two lines, of which the first has the arguments.
 */
function createdIn(log: string): CreatedFile[] {
  const made = new Map<string, CreatedFile>();
  const calls = /(open|openat|creat|mkdir|mkdirat)\((?:AT_FDCWD, |\d+, )?"([^"]*)", ([^)<]*)/g;
  for (const [, name = "", path = "", rest = ""] of log.matchAll(calls)) {
    const isMade = name.startsWith("mkdir") || name === "creat" || rest.includes("O_CREAT");
    if (!isMade || made.has(path)) continue;
    const mode = /(?:^|, )(0\d*)\s*$/.exec(rest)?.[1] ?? "0777";
    made.set(path, { path, mode: Number.parseInt(mode, 8) });
  }
  return [...made.values()];
}
