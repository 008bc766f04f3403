/** What the server tells the page before any script runs. */
export interface AppConfig {
  /** Path prefix below which everything is served: "" or "/sub". */
  readonly basename: string;
  readonly platformVersion: string;
  readonly serverVersion: string;
  readonly authenticationEnabled: boolean;
  readonly basicAuthDisabled: boolean;
  readonly passwordResetEmailEnabled: boolean;
  readonly supportEmail: string | null;
}

declare global {
  interface Window {
    readonly Config?: Partial<AppConfig>;
  }
}

const defaults: AppConfig = {
  basename: "",
  platformVersion: "",
  serverVersion: "",
  authenticationEnabled: true,
  basicAuthDisabled: false,
  passwordResetEmailEnabled: false,
  supportEmail: null,
};

export const config: AppConfig = { ...defaults, ...window.Config };

/** Puts the prefix in front of a path of this server. */
export function serverPath(path: string): string {
  return `${config.basename}${path}`;
}

/** Where exporters send to: the address this page came from. */
export function serverOrigin(): string {
  return `${window.location.origin}${config.basename}`;
}
