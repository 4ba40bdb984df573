import { createHash, createHmac } from 'node:crypto';
import {
  CognitoIdentityProviderClient,
  ListUsersCommand,
  type CognitoIdentityProviderClientConfig,
} from '@aws-sdk/client-cognito-identity-provider';
import fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import { SigningHash } from '../../../../src/worker/cognito/signing-hash.ts';

test('is HMAC-SHA-256 for any secret, however it is given', async () => {
  const offset = 3; // a view may begin anywhere in its buffer
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), fc.uint8Array({ maxLength: 300 }), async (secret, message) => {
      const view = new Uint8Array(secret.length + offset);
      view.set(secret, offset);
      const expected = createHmac('sha256', secret).update(message).digest('hex');
      for (const given of [secret, view.subarray(offset), secret.slice().buffer]) {
        expect(await digestOf(message, given)).toBe(expected);
      }
    }),
  );
});

test('takes a secret that is a text as UTF-8, and is SHA-256 without one', async () => {
  const message = new Uint8Array([1, 2, 3]);
  expect(await digestOf(message, 'AWS4Zürich')).toBe(createHmac('sha256', 'AWS4Zürich').update(message).digest('hex'));
  const plain = createHash('sha256').update(message).digest('hex');
  for (const none of [undefined, '']) expect(await digestOf(message, none)).toBe(plain);
});

test('begins anew', async () => {
  const hash = new SigningHash('secret');
  hash.update(new Uint8Array([9]));
  hash.reset();
  hash.update(new Uint8Array([1]));
  expect(hexOf(await hash.digest())).toBe(await digestOf(new Uint8Array([1]), 'secret'));
});

test('a request has the signature that the SDK gives it by itself', async () => {
  vi.useFakeTimers({ toFake: ['Date'], now: new Date('2026-01-01T12:00:00Z') });
  try {
    const [own, ours] = [await signatureOf({}), await signatureOf({ sha256: SigningHash })];
    expect(own).toMatch(/Signature=[\da-f]{64}$/);
    expect(ours).toBe(own);
  } finally {
    vi.useRealTimers();
  }
});

async function digestOf(message: Uint8Array, secret?: ConstructorParameters<typeof SigningHash>[0]): Promise<string> {
  const hash = new SigningHash(secret);
  hash.update(message);
  return hexOf(await hash.digest());
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

/** What a request would carry; it is not sent. */
async function signatureOf(config: Pick<CognitoIdentityProviderClientConfig, 'sha256'>): Promise<string | undefined> {
  let authorization: string | undefined;
  const client = new CognitoIdentityProviderClient({
    region: 'eu-west-2',
    credentials: { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 'secret/Ünicode+example', sessionToken: 'session' },
    maxAttempts: 1,
    ...config,
  });
  client.middlewareStack.addRelativeTo(sameInvocation, { relation: 'after', toMiddleware: 'retryMiddleware' });
  client.middlewareStack.add(
    () => (args) => {
      authorization = headersOf(args)['authorization'];
      throw new Error('not sent');
    },
    { step: 'deserialize', priority: 'low' },
  );
  const command = new ListUsersCommand({ UserPoolId: 'eu-west-2_AbCdEfGhI', Filter: 'email = "ada@example.org"' });
  await expect(client.send(command)).rejects.toThrow('not sent');
  return authorization;
}

interface Step<Input> {
  readonly input: Input;
  readonly request: unknown;
}

/** Its id is signed, and is each request's own. */
function sameInvocation<Input, Result>(next: (step: Step<Input>) => Result): (step: Step<Input>) => Result {
  return (step) => {
    headersOf(step)['amz-sdk-invocation-id'] = 'one';
    return next(step);
  };
}

function headersOf({ request }: Pick<Step<unknown>, 'request'>): Record<string, string> {
  return (request as { readonly headers: Record<string, string> }).headers;
}
