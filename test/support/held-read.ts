/** Reads a database in another process without coming to an end: `await using reader = await holdRead(path)`. */

export interface HeldRead extends AsyncDisposable {
  readonly pid: number;
}

export async function holdRead(path: string): Promise<HeldRead> {
  const reader = Bun.spawn([process.execPath, `${import.meta.dir}/wal-reader.ts`, path], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit",
  });
  const { value } = await reader.stdout.getReader().read();
  if (!new TextDecoder().decode(value).startsWith("reading"))
    throw new Error("The read was not begun");
  return {
    pid: reader.pid,
    [Symbol.asyncDispose]: async () => {
      await reader.stdin.end();
      await reader.exited;
    },
  };
}
