/** The texts by their paths in the project. */
export declare const copiedFiles: () => {
  readonly wanted: ReadonlyMap<string, string>
  readonly found: ReadonlyMap<string, string>
}
