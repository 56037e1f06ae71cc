/** The hidden flag that makes this program run a query for another process; see `guest-process.ts`. */
export const GUEST_FLAG = "--as-guest";
