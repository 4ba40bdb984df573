/** Whether a TLS error says that a certificate is not to be trusted (Node.js docs: TLS, X509 certificate error codes). */
export function isCertificateCode(code: string): boolean {
  return /CERT|CRL|SELF_SIGNED|UNABLE_TO_|HOSTNAME_MISMATCH|PATH_LENGTH|INVALID_(CA|PURPOSE)$/.test(code);
}
