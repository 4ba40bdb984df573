import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { AWS_REGIONS } from '../../../../src/producer/manifest/aws-regions.ts';

test('the regions are those that the installed AWS SDK knows', () => {
  const source = readFileSync(new URL(import.meta.resolve('@aws-sdk/core/client')), 'utf8');
  const inSdk = source.matchAll(/"?((?:[a-z]+-){2,3}\d)"?: \{\s*"?description"?:/g);
  expect(AWS_REGIONS.toSorted()).toEqual([...inSdk].map(([, region]) => region).toSorted());
});
