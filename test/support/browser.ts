import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { chromium, type Browser, type Page } from 'playwright-core';

/** Nothing of the browser's own goes over the network. */
const FLAGS =
  '--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync'.split(
    ' ',
  );

/** A Chromium of this machine, or `null` where there is none: then its tests are skipped, and with `CI` set they fail. */
export function findChromium(): string | null {
  const found = [process.env['CHROMIUM_PATH'], '/usr/bin/chromium', ...inPath('chromium'), ...inPath('google-chrome')];
  const path = found.find((candidate) => candidate !== undefined && existsSync(candidate));
  if (path !== undefined) return path;
  process.stderr.write('e2e: no browser, so its tests are skipped: apt-get install chromium, or set CHROMIUM_PATH.\n');
  if (process.env['CI']) throw new Error('with CI set, the page and the board must be tested in a browser');
  return null;
}

export function openBrowser(executablePath: string): Promise<Browser> {
  return chromium.launch({ executablePath, args: FLAGS });
}

/** What the browser complains of, as it comes. */
export function complaintsOf(page: Page): string[] {
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(`${message.type()}: ${message.text()}`);
  });
  page.on('pageerror', (error) => complaints.push(`uncaught: ${error.message}`));
  page.on('requestfailed', (request) => complaints.push(`failed: ${request.url()} ${request.failure()?.errorText}`));
  return complaints;
}

function inPath(name: string): string[] {
  return (process.env['PATH'] ?? '').split(delimiter).map((directory) => join(directory, name));
}
