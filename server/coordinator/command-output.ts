/** Standard output and error of a command. */
export interface CommandOutput {
  readonly out: (text: string) => void
  readonly error: (text: string) => void
}
