import { CognitoIdentityProviderClient, ListUsersCommand } from '@aws-sdk/client-cognito-identity-provider';
import pg from 'pg';
import { emailOf, poolId, REGION } from '../support/tenants.ts';
import { readOptions } from './conversation.ts';

/** Seeding as platforms write it first: one user after the other, at boot. */
const { endpoint, tenant, seeds } = readOptions<{ endpoint: string; tenant: string; seeds: number }>();

const cognito = new CognitoIdentityProviderClient({ region: REGION, endpoint });
const database = new pg.Client({ connectionString: process.env['DATABASE_URL'] });
await database.connect();
const { rows: roles } = await database.query<{ id: string }>(`select id from roles where name = 'Admin'`);
const [role] = roles;

for (let seed = 0; seed < seeds; seed += 1) {
  const { Users } = await cognito.send(
    new ListUsersCommand({ UserPoolId: poolId(tenant), Filter: `email = "${emailOf(seed)}"`, Limit: 1 }),
  );
  const sub = Users?.[0]?.Attributes?.find(({ Name }) => Name === 'sub')?.Value;
  const values = [`sequential-${tenant}`, sub, role?.id];
  const held = await database.query(
    'select 1 from user_role where tenant_id = $1 and user_id = $2 and role_id = $3',
    values,
  );
  if (held.rowCount === 0) {
    await database.query('insert into user_role (tenant_id, user_id, role_id) values ($1, $2, $3)', values);
  }
}
await database.end();
