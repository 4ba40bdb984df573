import { describeProblem, type ManifestProblem } from './manifest-problem.ts';

/** The manifest cannot be used: the process stops with exit code 2. */
export class ManifestError extends Error {
  override readonly name = 'ManifestError';
  readonly problems: readonly ManifestProblem[];

  constructor(problems: readonly ManifestProblem[]) {
    super(['the manifest has problems', ...problems.map(describeProblem)].join('\n'));
    this.problems = problems;
  }
}
