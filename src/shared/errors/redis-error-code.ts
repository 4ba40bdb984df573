/** Before Redis 7 an error inside a script is wrapped: after `ERR`, the script and the line, once or twice (scripting.c). */
const INSIDE_SCRIPT = /^ERR Error running script \(call to \w+\): (?:@\w+: ?\d+: )+-?/;

/** A right that lacks inside a script, up to Redis 7.0 and since (script.c). */
const NO_PERMISSION = /^(?:ERR )?(?:The user executing the script can't|ACL failure in script)/;

/** The word that says what kind of error Redis replied with, also when it was met inside of a script. `ERR` is any other. */
export function redisErrorCode(message: string): string {
  const inner = message.replace(INSIDE_SCRIPT, '');
  return NO_PERMISSION.test(inner) ? 'NOPERM' : (/^[A-Z]+\b/.exec(inner)?.[0] ?? 'ERR');
}
