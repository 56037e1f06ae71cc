/** A file system of a few megabytes, gone with the process that needed it: a tmpfs in a mount namespace of its own. */
const SIZE = "6m";

/** Mounts over a folder, then becomes the command. */
function mounted(folder: string, command: readonly string[]): string[] {
  const script = 'mount -t tmpfs -o "size=$1" none "$2" && shift 2 && exec "$@"';
  const user = process.geteuid?.() === 0 ? [] : ["--map-root-user"];
  return ["unshare", "--mount", ...user, "sh", "-c", script, "sh", SIZE, folder, ...command];
}

/** Why there is none here; null when there is. */
export const NO_SMALL_DISK = ((): string | null => {
  if (process.platform !== "linux") return "mount namespaces are Linux's";
  if (Bun.which("unshare") === null || Bun.which("mount") === null)
    return "unshare or mount is missing";
  const { exitCode } = Bun.spawnSync(mounted("/tmp", ["true"]), {
    stdout: "ignore",
    stderr: "ignore",
  });
  return exitCode === 0 ? null : "this user may mount nothing";
})();

/** Runs a script of ours with a small file system at the folder; its words, and its exit code. */
export async function onSmallDisk(
  folder: string,
  script: readonly string[],
): Promise<{ readonly exitCode: number; readonly stdout: string; readonly stderr: string }> {
  const child = Bun.spawn(mounted(folder, [process.execPath, ...script]), {
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr, exitCode] = await Promise.all([
    child.stdout.text(),
    child.stderr.text(),
    child.exited,
  ]);
  return { exitCode, stdout, stderr };
}
