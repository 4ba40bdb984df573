/** Where something stands. Lines and columns begin at 1, as editors count them. */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** A message names keys, places and variables, never values: it ends up in deploy logs, and a value may be an email. */
export interface ManifestProblem extends Place {
  readonly message: string;
}

export function describePlace({ file, line, column }: Place): string {
  return `${file}:${line}:${column}`;
}

export function describeProblem(problem: ManifestProblem): string {
  return `${describePlace(problem)}: ${problem.message}`;
}

/** From the top of a file down to a value. */
export type Path = readonly PropertyKey[];

export type Locate = (path: Path) => Place;

export type Report = (problem: ManifestProblem) => void;
