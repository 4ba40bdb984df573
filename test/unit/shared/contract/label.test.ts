import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Email } from '#shared/contract/ids.ts';
import { Label, maskEmail } from '#shared/contract/label.ts';

test.for([
  ['admin@example.org', 'a•••n@example.org'],
  ['bob@example.org', 'b•••b@example.org'],
  ['jo@example.org', '•••@example.org'],
  ['x@example.org', '•••@example.org'],
  ['🦉owl🦉@example.org', '🦉•••🦉@example.org'],
])('%s → %s', ([email, label]) => {
  expect(maskEmail(Email.parse(email))).toBe(label);
});

const local = fc.stringMatching(/^[a-z0-9.!#$%&'*+/=?^_`{|}~-]{1,40}$/);
const email = fc.tuple(local, fc.domain()).map(([name, domain]) => Email.parse(`${name}@${domain}`));

test('a label shows at most two characters of the local part, and not how many there are', () => {
  fc.assert(
    fc.property(email, (given) => {
      const [shown = '', domain] = maskEmail(given).split('@');
      const name = given.slice(0, given.lastIndexOf('@'));
      expect(shown).not.toBe(name);
      expect(shown.replace('•••', '').length).toBeLessThanOrEqual(2);
      expect(domain).toBe(given.slice(name.length + 1));
    }),
  );
});

test('every label parses as one, and no raw email does', () => {
  fc.assert(
    fc.property(email, (given) => {
      expect(Label.safeParse(maskEmail(given)).success).toBe(true);
      expect(Label.safeParse(given).success).toBe(false);
    }),
  );
});
