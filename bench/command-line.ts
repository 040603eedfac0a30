/** The options of benches, and where they print their progress. */

export const JSON_WANTED = process.argv.includes('--json');

/** The numbers in order, as far as they are given. @throws RangeError for what is no number of at least 0. */
export function givenNumbers(): number[] {
  return process.argv
    .slice(2)
    .filter((word) => word !== '--json')
    .map((word) => {
      const value = Number(word);
      if (value >= 0 && word !== '' && Number.isFinite(value)) return value;
      throw new RangeError(`"${word}" must be a number, at least 0, or --json`);
    });
}

/** With --json standard output is for the figures alone. */
export const progress = JSON_WANTED ? console.error : console.log;

/** What goes wrong ends the process with exit code 1, once all that it started has ended. */
export function run(main: () => Promise<void>): void {
  main().catch((error: unknown) => {
    console.error(error);
    process.exitCode = 1;
  });
}
