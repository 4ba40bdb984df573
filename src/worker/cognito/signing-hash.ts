import { createHash, createHmac, type Hash, type Hmac } from 'node:crypto';

type Secret = string | ArrayBuffer | ArrayBufferView;

/**
 * SHA-256, with a secret HMAC-SHA-256, for the signature of each request (AWS: Signature Version 4). As the SDK's own, but the
 * secret goes to Node as a text: of bytes it finds out by two exceptions that they are no `KeyObject` (Node 24:
 * lib/internal/crypto/keys.js), which costs six times the signature itself.
 */
export class SigningHash {
  readonly digestLength = 32;
  readonly #secret: string | undefined;
  #hash: Hash | Hmac;

  constructor(secret?: Secret) {
    this.#secret = secret === undefined || secret === '' ? undefined : bytesOf(secret).toString('latin1');
    this.#hash = this.#begin();
  }

  update(chunk: Uint8Array | string): void {
    this.#hash.update(chunk);
  }

  digest(): Promise<Uint8Array> {
    return Promise.resolve(this.#hash.digest());
  }

  reset(): void {
    this.#hash = this.#begin();
  }

  #begin(): Hash | Hmac {
    return this.#secret === undefined
      ? createHash('sha256')
      : createHmac('sha256', this.#secret, { encoding: 'latin1' });
  }
}

function bytesOf(secret: Secret): Buffer {
  if (typeof secret === 'string') return Buffer.from(secret);
  if (ArrayBuffer.isView(secret)) return Buffer.from(secret.buffer, secret.byteOffset, secret.byteLength);
  return Buffer.from(secret);
}
