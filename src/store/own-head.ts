/** Written by `usagedb migrate bundle`; edit the migrations and write it again. */
import type { BundleHead } from "../engine/source.ts";

export const head: BundleHead = {
  stamp: "bundle:f33864285dfdc7370f27ba0c5bb13f8bae55c69396eaca819144c234feb0c654",
  versions: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19],
};
