import type { Reason } from '#shared/contract/reasons.ts';
import { isCertificateCode } from '#shared/errors/is-certificate-code.ts';

/**
 * Error name → reason, for every error that the models of Cognito and STS name (a test holds the table against them) and
 * for the ones that no model names but the wire carries. Names are stable, messages are not.
 */
export const REASON_BY_NAME = {
  // Throttling, which Cognito sends as HTTP 400.
  TooManyRequestsException: 'throttled',
  ThrottlingException: 'throttled',
  Throttling: 'throttled',
  ThrottledException: 'throttled',
  RequestThrottled: 'throttled',
  RequestThrottledException: 'throttled',
  RequestLimitExceeded: 'throttled',
  SlowDown: 'throttled',
  LimitExceededException: 'throttled',
  TooManyFailedAttemptsException: 'throttled',
  ServiceQuotaExceededException: 'throttled',

  // Cognito's bad days, also when they come as HTTP 400.
  InternalErrorException: 'cognito-unavailable',
  InternalServerException: 'cognito-unavailable',
  InternalFailure: 'cognito-unavailable',
  ServiceUnavailable: 'cognito-unavailable',
  ServiceUnavailableException: 'cognito-unavailable',
  ConcurrentModificationException: 'cognito-unavailable',
  IDPCommunicationErrorException: 'cognito-unavailable',
  RequestTimeout: 'timeout',
  RequestTimeoutException: 'timeout',
  AbortError: 'timeout', // our own deadline
  NoSlot: 'timeout', // ours as well: pace.ts

  // The clock or the session: fresh credentials mend it.
  ExpiredTokenException: 'credentials-expired',
  ExpiredToken: 'credentials-expired',
  RequestExpired: 'credentials-expired',
  RequestTimeTooSkewed: 'credentials-expired',
  RequestInTheFuture: 'credentials-expired',
  CredentialsProviderError: 'credentials-unavailable',
  TokenProviderError: 'credentials-unavailable',

  // Key rotation is eventually consistent, so these are confirmed with fresh credentials before they count.
  UnrecognizedClientException: 'credentials-invalid',
  InvalidClientTokenId: 'credentials-invalid',
  InvalidSignatureException: 'credentials-invalid',
  SignatureDoesNotMatch: 'credentials-invalid',

  ResourceNotFoundException: 'pool-not-found',

  AccessDeniedException: 'access-denied',
  NotAuthorizedException: 'access-denied',
  ForbiddenException: 'access-denied', // AWS WAF in front of the pool
  UnauthorizedException: 'access-denied',
  UnauthorizedOperation: 'access-denied',

  // STS spells it so, and throws while credentials are fetched.
  AccessDenied: 'assume-role-refused',
  ValidationError: 'assume-role-refused',
  MalformedPolicyDocument: 'assume-role-refused',
  MalformedPolicyDocumentException: 'assume-role-refused',
  PackedPolicyTooLarge: 'assume-role-refused',
  PackedPolicyTooLargeException: 'assume-role-refused',
  IDPRejectedClaimException: 'assume-role-refused',
  InvalidIdentityTokenException: 'assume-role-refused',
  ExpiredTradeInTokenException: 'assume-role-refused',
  InvalidAuthorizationMessageException: 'assume-role-refused',
  JWTPayloadSizeExceededException: 'assume-role-refused',
  OutboundWebIdentityFederationDisabledException: 'assume-role-refused',
  SessionDurationEscalationException: 'assume-role-refused',

  OperationNotEnabledException: 'region-refused', // a secondary replica
  OptInRequired: 'region-refused',
  RegionDisabledException: 'region-refused',

  MissingAuthenticationToken: 'endpoint-refused',
  MissingAuthenticationTokenException: 'endpoint-refused',
  IncompleteSignature: 'endpoint-refused',
  IncompleteSignatureException: 'endpoint-refused',
  UnknownOperationException: 'endpoint-refused',
  UnknownEndpoint: 'endpoint-refused',
  InvalidAction: 'endpoint-refused',

  InvalidParameterException: 'email-malformed', // a filter that Cognito cannot parse
  UserNotFoundException: 'user-missing', // AdminGetUser only

  // Modelled for operations that rolecall never calls: a refusal, should one come.
  AliasExistsException: 'cognito-refused',
  CodeDeliveryFailureException: 'cognito-refused',
  CodeMismatchException: 'cognito-refused',
  DeviceKeyExistsException: 'cognito-refused',
  DuplicateProviderException: 'cognito-refused',
  EnableSoftwareTokenMFAException: 'cognito-refused',
  ExpiredCodeException: 'cognito-refused',
  FeatureUnavailableInTierException: 'cognito-refused',
  GroupExistsException: 'cognito-refused',
  InvalidEmailRoleAccessPolicyException: 'cognito-refused',
  InvalidLambdaResponseException: 'cognito-refused',
  InvalidOAuthFlowException: 'cognito-refused',
  InvalidPasswordException: 'cognito-refused',
  InvalidSmsRoleAccessPolicyException: 'cognito-refused',
  InvalidSmsRoleTrustRelationshipException: 'cognito-refused',
  InvalidUserPoolConfigurationException: 'cognito-refused',
  MFAMethodNotFoundException: 'cognito-refused',
  ManagedLoginBrandingExistsException: 'cognito-refused',
  PasswordHistoryPolicyViolationException: 'cognito-refused',
  PasswordResetRequiredException: 'cognito-refused',
  PreconditionNotMetException: 'cognito-refused',
  RefreshTokenReuseException: 'cognito-refused',
  ScopeDoesNotExistException: 'cognito-refused',
  SoftwareTokenMFANotFoundException: 'cognito-refused',
  TermsExistsException: 'cognito-refused',
  TierChangeNotAllowedException: 'cognito-refused',
  UnexpectedLambdaException: 'cognito-refused',
  UnsupportedIdentityProviderException: 'cognito-refused',
  UnsupportedOperationException: 'cognito-refused',
  UnsupportedTokenTypeException: 'cognito-refused',
  UnsupportedUserStateException: 'cognito-refused',
  UserImportInProgressException: 'cognito-refused',
  UserLambdaValidationException: 'cognito-refused',
  UserNotConfirmedException: 'cognito-refused',
  UserPoolAddOnNotEnabledException: 'cognito-refused',
  UserPoolTaggingException: 'cognito-refused',
  UsernameExistsException: 'cognito-refused',
  WebAuthnChallengeNotFoundException: 'cognito-refused',
  WebAuthnClientMismatchException: 'cognito-refused',
  WebAuthnConfigurationMissingException: 'cognito-refused',
  WebAuthnCredentialNotSupportedException: 'cognito-refused',
  WebAuthnNotEnabledException: 'cognito-refused',
  WebAuthnOriginNotAllowedException: 'cognito-refused',
  WebAuthnRelyingPartyMismatchException: 'cognito-refused',
} as const satisfies Record<string, Reason>;

const REASONS_BY_NAME: ReadonlyMap<string, Reason> = new Map(Object.entries(REASON_BY_NAME));

/** Any 5xx, then the name, then an errno, then the status, which misleads: throttling arrives as HTTP 400. */
export function classifyCognitoError(error: unknown): Reason {
  if (!(error instanceof Error)) return 'unexpected';
  const { code, statusCode, syscall, $metadata } = error as ThirdPartyError;
  if (syscall === 'open') return 'credentials-unavailable'; // of files, only theirs are read: a token of EKS that is not mounted
  if (code === 'ERR_PROXY_TUNNEL') return classifyProxy(statusCode);
  const status = $metadata?.httpStatusCode;
  if (status !== undefined && status >= 500) return 'cognito-unavailable';
  if (isStaleSignature(error)) return 'credentials-expired';
  const known = REASONS_BY_NAME.get(error.name);
  if (known !== undefined) return known;
  const byCode = typeof code === 'string' ? classifyErrno(code) : null;
  if (byCode !== null) return byCode; // also in the middle of a 200
  if (error.name === 'TimeoutError') return 'timeout';
  if (status === undefined) return 'unexpected'; // it never left this process: our bug
  if (status === 408 || status === 429) return 'cognito-unavailable';
  if (status < 400) return 'cognito-unavailable'; // a 200 that does not parse, a redirect of some proxy
  // A 4xx page that is not in Cognito's format, or an address that it would know: its own errors are 400, and named.
  return error.name === 'SyntaxError' || status === 404 ? 'endpoint-refused' : 'cognito-refused';
}

interface ThirdPartyError extends Error {
  readonly code?: unknown;
  readonly statusCode?: number;
  readonly syscall?: unknown;
  readonly $metadata?: { readonly httpStatusCode?: number };
}

/** What it answered to CONNECT (Node.js: lib/https.js), if it did. What it refuses somebody has to allow. */
function classifyProxy(status = 0): Reason {
  return status >= 400 && status < 500 && status !== 408 && status !== 429 ? 'endpoint-refused' : 'network';
}

/** The one place where a message decides: the same name stands for a wrong key, which is definitive. */
function isStaleSignature({ name, message }: Error): boolean {
  return /^(InvalidSignatureException|SignatureDoesNotMatch)$/.test(name) && /expired|not yet current/i.test(message);
}

/** Node's errno and TLS codes (nodejs.org: errors). `null`: not one of them. */
function classifyErrno(code: string): Reason | null {
  if (isCertificateCode(code)) return 'endpoint-refused';
  if (code === 'ETIMEDOUT') return 'timeout';
  return /^(E(?!RR_)|HPE_)[A-Z_]+$/.test(code) ? 'network' : null; // HPE: what came was no HTTP, as of a proxy that breaks
}
