import fc from 'fast-check';
import { expect, test } from 'vitest';
import { substitute, variablesOf } from '../../../../src/producer/manifest/substitute.ts';

const value = (text: string, env: Record<string, string>) => {
  const result = substitute(text, env);
  return result.kind === 'substituted' ? result.value : result;
};

test.for<[why: string, text: string, expected: string]>([
  ['a variable becomes its value', '${NAME}', 'flip'],
  ['several variables stand in one text', '${NAME}-${PLACE}!', 'flip-london!'],
  ['a value is not looked at again', '${TRAP}', '${NAME}'],
  ['two dollar signs make a literal', '$${NAME}', '${NAME}'],
  ['a lone dollar sign is a dollar sign', 'a$b $NAME $', 'a$b $NAME $'],
  ['what String.replace would expand stays as it is', '${DOLLARS}', '$& $1 $$'],
])('%s', ([, text, expected]) => {
  expect(value(text, { NAME: 'flip', PLACE: 'london', TRAP: '${NAME}', DOLLARS: '$& $1 $$' })).toBe(expected);
});

test.for<[why: string, text: string, problem: RegExp]>([
  ['a variable that is not set is named', '${GONE}', /^the environment variable GONE is not set$/],
  ['an empty variable is as good as none', '${EMPTY}', /^the environment variable EMPTY is empty$/],
  ['what Object.prototype has is not set', '${constructor}', /^the environment variable constructor is not set$/],
  ['a default is not understood, and not ignored', '${GONE:-x}', /must be followed by the name of a variable/],
  ['a brace that is not closed is no literal', '${GONE', /must be followed by the name of a variable/],
  ['an empty name is no literal', '${}', /must be followed by the name of a variable/],
])('%s', ([, text, problem]) => {
  expect(substitute(text, { EMPTY: '' })).toEqual({ kind: 'refused', problems: [expect.stringMatching(problem)] });
});

test('every problem of a text is reported', () => {
  expect(substitute('${A} ${B} ${', {})).toMatchObject({ problems: { length: 3 } });
});

test('any text either is substituted or says why not, and never quotes a value', () => {
  const piece = fc.oneof(fc.string(), fc.constantFrom('$', '{', '}', '${A}', '${B}', '$${', '${'));
  const text = fc.array(piece).map((pieces) => pieces.join(''));
  fc.assert(
    fc.property(text, (written) => {
      const result = substitute(written, { A: 'never-quoted' });
      const unset = variablesOf(written).filter((name) => name !== 'A');
      const malformed = /\$\{(?![A-Za-z_]\w*\})/.test(written.replaceAll('$${', ' '));
      expect(result.kind).toBe(unset.length > 0 || malformed ? 'refused' : 'substituted');
      expect(JSON.stringify('problems' in result ? result.problems : [])).not.toContain('never-quoted');
    }),
  );
});

test('a text without marks stays as it is, and any value arrives as it is', () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1 }), fc.string(), (secret, around) => {
      const plain = around.replaceAll('$', '');
      expect(value(plain, {})).toBe(plain);
      expect(value(`${plain}\${A}${plain}`, { A: secret })).toBe(plain + secret + plain);
    }),
  );
});

test('the variables of a text are named once, and literals are none', () => {
  expect(variablesOf('${A} ${B} ${A} $${C} ${')).toEqual(['A', 'B']);
});
