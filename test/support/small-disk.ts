/** A file system of a few megabytes of its own, gone when the test ends. */
import { tempFolder } from "./temp-folder.ts";

/** Why there is none here, null when there is. */
export const WHY_NO_SMALL_DISK = ((): string | null => {
  if (process.platform !== "linux") return "mounting a tmpfs is Linux's";
  if (process.getuid?.() !== 0) return "only root may mount";
  using folder = tempFolder();
  const { exitCode } = Bun.spawnSync(
    ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder.path],
    {
      stderr: "ignore",
    },
  );
  if (exitCode !== 0) return "mounting is not permitted here";
  Bun.spawnSync(["umount", folder.path]);
  return null;
})();

export function smallDisk(megabytes: number): Disposable & { readonly path: string } {
  const folder = tempFolder();
  const options = `size=${megabytes}m,mode=0700`;
  const { exitCode, stderr } = Bun.spawnSync([
    "mount",
    "-t",
    "tmpfs",
    "-o",
    options,
    "tmpfs",
    folder.path,
  ]);
  if (exitCode !== 0) throw new Error(String(stderr));
  return {
    path: folder.path,
    [Symbol.dispose]: () => {
      Bun.spawnSync(["umount", "--lazy", folder.path]);
      folder[Symbol.dispose]();
    },
  };
}
