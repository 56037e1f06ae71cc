/** Holds a database's write lock in another process: `await using lock = await holdLock(path)`. */

export async function holdLock(path: string): Promise<AsyncDisposable> {
  const holder = Bun.spawn([process.execPath, `${import.meta.dir}/lock-holder.ts`, path], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit",
  });
  const { value } = await holder.stdout.getReader().read();
  if (!new TextDecoder().decode(value).startsWith("locked"))
    throw new Error("The lock was not taken");
  return {
    [Symbol.asyncDispose]: async () => {
      await holder.stdin.end();
      await holder.exited;
    },
  };
}
