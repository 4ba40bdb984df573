/** Before Redis 7 an error inside a script is wrapped: after `ERR`, the script and the line, once or twice (scripting.c). */
const INSIDE_SCRIPT = /^ERR Error running script \(call to \w+\): (?:@\w+: ?\d+: )+-?/;

/** The word that says what kind of error Redis replied with, also when it was met inside of a script. `ERR` is any other. */
export function redisErrorCode(message: string): string {
  return /^[A-Z]+\b/.exec(message.replace(INSIDE_SCRIPT, ''))?.[0] ?? 'ERR';
}
