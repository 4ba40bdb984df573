import type { Pool } from './pool.ts';
import { result, type Reply } from './reply.ts';
import { epochSeconds } from './user.ts';

export function describeUserPool({ settings, account, region, createdMs, size }: Pool): Reply {
  const { id, aliasAttributes } = settings;
  return result({
    UserPool: {
      Id: id,
      Name: id,
      Arn: `arn:aws:cognito-idp:${region}:${account}:userpool/${id}`,
      CreationDate: epochSeconds(createdMs),
      LastModifiedDate: epochSeconds(createdMs),
      EstimatedNumberOfUsers: settings.estimatedNumberOfUsers ?? size,
      UsernameConfiguration: { CaseSensitive: settings.caseSensitive ?? false },
      // A pool has one of the two: with aliases, people sign in with a username of their own.
      ...(aliasAttributes
        ? { AliasAttributes: aliasAttributes }
        : { UsernameAttributes: settings.usernameAttributes ?? ['email'] }),
      LambdaConfig: {},
      MfaConfiguration: 'OFF',
      UserPoolTier: 'ESSENTIALS',
    },
  });
}
