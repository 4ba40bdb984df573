/** The attributes that ListUsers can search; custom attributes are not among them (AWS docs: API_ListUsers). */
const SEARCHABLE = [
  'username',
  'email',
  'phone_number',
  'name',
  'given_name',
  'family_name',
  'preferred_username',
  'cognito:user_status',
  'status',
  'sub',
] as const;

export interface Filter {
  readonly attribute: (typeof SEARCHABLE)[number];
  readonly operator: '=' | '^=';
  readonly value: string;
}

/** The attribute may be quoted, blanks around the operator are optional, the value is always in double quotes. */
const FORM = /^\s*(?:"(?<quoted>[^"]+)"|(?<bare>[\w:]+))\s*(?<operator>\^?=)\s*"(?<value>(?:[^"\\]|\\["\\])*)"\s*$/;

/** `null`: Cognito refuses it. An unescaped quote in an email is such a case, so that an email cannot widen a search. */
export function parseFilter(text: string): Filter | null {
  const { quoted, bare, operator, value } = FORM.exec(text)?.groups ?? {};
  const attribute = SEARCHABLE.find((name) => name === (quoted ?? bare));
  if (attribute === undefined || operator === undefined || value === undefined) return null;
  return { attribute, operator: operator === '=' ? '=' : '^=', value: value.replace(/\\(["\\])/g, '$1') };
}

/** API_ListUsers marks these two as case-sensitive; for the others the developer guide says that no search is. */
const CASE_SENSITIVE: ReadonlySet<Filter['attribute']> = new Set(['username', 'status']);

/** `actual` is `undefined` for a user without the attribute, whom no filter finds. */
export function matchesFilter({ attribute, operator, value }: Filter, actual: string | undefined): boolean {
  if (actual === undefined) return false;
  const [have, want] = CASE_SENSITIVE.has(attribute) ? [actual, value] : [actual.toLowerCase(), value.toLowerCase()];
  return operator === '=' ? have === want : have.startsWith(want);
}
