const controlOrBackslash = /[\u0000-\u001f\u007f\\]/; // eslint-disable-line no-control-regex -- refusing them is the point

/**
 * Accepts a path of this very site and nothing else; everything doubtful becomes "/".
 * Browsers read `//host`, `/\host` and `/<tab>/host` as another site.
 */
export function safeReturnUrl(candidate: string | null | undefined, origin = window.location.origin): string {
  if (!candidate?.startsWith("/") || candidate.startsWith("//") || controlOrBackslash.test(candidate)) return "/";
  let url: URL;
  try {
    url = new URL(candidate, origin);
  } catch {
    return "/";
  }
  // Dot segments may leave two slashes in front: `/.//host` is a path here, but not for the next reader.
  if (url.origin !== origin || url.pathname.startsWith("//")) return "/";
  if (/^\/(login|forgot-password|reset-password(-with-token)?)\/?$/.test(url.pathname)) return "/";
  return `${url.pathname}${url.search}${url.hash}`;
}

/** The present address without the prefix, to come back to after signing in. */
export function currentReturnUrl(basename: string, location: Location = window.location): string {
  const inside = basename !== "" && (location.pathname === basename || location.pathname.startsWith(`${basename}/`));
  const path = inside ? location.pathname.slice(basename.length) || "/" : location.pathname;
  return `${path}${location.search}${location.hash}`;
}

export function loginUrl(basename: string, returnUrl: string): string {
  return returnUrl === "/" ? `${basename}/login` : `${basename}/login?returnUrl=${encodeURIComponent(returnUrl)}`;
}
