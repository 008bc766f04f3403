import { useQuery } from "@tanstack/react-query";
import { BookText, Braces, FolderTree, type LucideIcon, Menu as MenuIcon, PanelLeftClose, PanelLeftOpen, Search, Settings, SlidersHorizontal, X } from "lucide-react";
import { lazy, Suspense, useEffect, useRef, useState } from "react";
import { Modal, ModalOverlay } from "react-aria-components/Modal";
import { Dialog } from "react-aria-components/Dialog";
import { NavLink, Outlet, useLocation, useNavigation } from "react-router";
import { IconButton } from "@/components/button";
import { ToastProvider } from "@/components/toast";
import { Mark, Wordmark } from "@/components/wordmark";
import { config, serverPath } from "@/config";
import { viewerOptions } from "@/features/auth/session";
import { cx } from "@/lib/cx";
import { useMediaQuery, usePreference } from "@/lib/hooks";
import { ThemeMenu } from "./theme-menu";
import { UserMenu } from "./user-menu";
import menus from "./menus.module.css";
import styles from "./shell.module.css";

const CommandPalette = lazy(() => import("./command-palette"));

const isMac = /mac|iphone|ipad/i.test(navigator.userAgent);

/** The frame of every page: where one can go, who one is, and the page itself. */
export function Shell() {
  const isSmall = useMediaQuery("(max-width: 820px)");
  const [width, setWidth] = usePreference<"wide" | "narrow">("phoenix.nav", "wide", ["wide", "narrow"]);
  const [drawer, setDrawer] = useState(false);
  const [palette, setPalette] = useState(false);
  const location = useLocation();
  const moving = useNavigation().state !== "idle";

  const [drawnAt, setDrawnAt] = useState(location.pathname);
  if (drawnAt !== location.pathname) {
    setDrawnAt(location.pathname);
    setDrawer(false);
  }

  const arrivedAt = useRef(location.pathname);
  const [announced, setAnnounced] = useState("");
  useEffect(() => {
    if (moving || arrivedAt.current === location.pathname) return;
    arrivedAt.current = location.pathname;
    setAnnounced(document.title);
    // The link that led here is gone with its page: go on from the top of the new one.
    if (document.activeElement === document.body) document.getElementById("main")?.focus({ preventScroll: true });
  }, [moving, location.pathname]);

  useEffect(() => {
    const onKeyDown = (event: globalThis.KeyboardEvent) => {
      if (event.key.toLowerCase() === "k" && (event.metaKey || event.ctrlKey) && !event.altKey && !event.shiftKey) {
        event.preventDefault();
        setPalette((open) => !open);
      }
    };
    window.addEventListener("keydown", onKeyDown);
    return () => {
      window.removeEventListener("keydown", onKeyDown);
    };
  }, []);

  const openPalette = () => {
    setDrawer(false);
    setPalette(true);
  };

  return (
    <ToastProvider>
      <a
        href="#main"
        className={styles["skip"]}
        onClick={(event) => {
          event.preventDefault();
          document.getElementById("main")?.focus();
        }}
      >
        Skip to content
      </a>
      <div className={cx(styles["shell"], isSmall && styles["small"])}>
        {isSmall ? (
          <header className={styles["topbar"]}>
            <IconButton
              icon={MenuIcon}
              label="Open navigation"
              aria-expanded={drawer}
              onClick={() => {
                setDrawer(true);
              }}
            />
            <NavLink to="/projects" className={styles["home"]} aria-label="phoenix server, all projects">
              <Wordmark />
            </NavLink>
            <IconButton icon={Search} label="Search and commands" onClick={openPalette} />
            <ModalOverlay isOpen={drawer} onOpenChange={setDrawer} isDismissable className={styles["scrim"] ?? ""}>
              <Modal className={styles["drawer"] ?? ""}>
                <Dialog aria-label="Navigation" className={styles["drawerBody"] ?? ""}>
                  <div className={styles["brand"]}>
                    <Wordmark />
                    <IconButton
                      icon={X}
                      label="Close navigation"
                      onClick={() => {
                        setDrawer(false);
                      }}
                    />
                  </div>
                  <Navigation narrow={false} onSearch={openPalette} />
                </Dialog>
              </Modal>
            </ModalOverlay>
          </header>
        ) : (
          <aside className={cx(styles["side"], width === "narrow" && styles["narrow"])}>
            <div className={styles["brand"]}>
              <NavLink to="/projects" className={styles["home"]} aria-label="phoenix server, all projects">
                {width === "narrow" ? <Mark /> : <Wordmark />}
              </NavLink>
              {width === "wide" && (
                <IconButton
                  icon={PanelLeftClose}
                  label="Collapse navigation"
                  onClick={() => {
                    setWidth("narrow");
                  }}
                />
              )}
            </div>
            <Navigation
              narrow={width === "narrow"}
              onSearch={openPalette}
              onWiden={() => {
                setWidth("wide");
              }}
            />
          </aside>
        )}
        <main id="main" tabIndex={-1} className={styles["main"]}>
          {moving && <div className={styles["progress"]} aria-hidden="true" />}
          <Outlet />
        </main>
      </div>
      <p className="visually-hidden" aria-live="polite">
        {announced}
      </p>
      {palette && (
        <Suspense>
          <CommandPalette
            onClose={() => {
              setPalette(false);
            }}
          />
        </Suspense>
      )}
    </ToastProvider>
  );
}

interface NavigationProps {
  readonly narrow: boolean;
  readonly onSearch: () => void;
  readonly onWiden?: () => void;
}

function Navigation({ narrow, onSearch, onWiden }: NavigationProps) {
  const { data: viewer } = useQuery(viewerOptions);
  return (
    <>
      <button type="button" className={styles["searchButton"]} onClick={onSearch} aria-label={narrow ? "Search and commands" : undefined} title={narrow ? "Search and commands" : undefined}>
        <Search size={14} aria-hidden="true" />
        {!narrow && (
          <>
            <span>Search</span>
            <kbd aria-hidden="true">{isMac ? "⌘K" : "Ctrl K"}</kbd>
          </>
        )}
      </button>
      <nav aria-label="Main" className={styles["nav"]}>
        <ul>
          <Item to="/projects" icon={FolderTree} label="Projects" narrow={narrow} />
          <Item to="/settings" icon={Settings} label="Settings" narrow={narrow} />
        </ul>
        <h2 className={narrow ? "visually-hidden" : styles["section"]}>Reference</h2>
        <ul>
          <Item href={serverPath("/docs")} icon={BookText} label="REST API" narrow={narrow} />
          <Item href={serverPath("/graphql")} icon={Braces} label="GraphQL" narrow={narrow} />
        </ul>
      </nav>
      <div className={styles["foot"]}>
        {narrow && onWiden && <IconButton icon={PanelLeftOpen} label="Expand navigation" onClick={onWiden} />}
        {!narrow && config.serverVersion !== "" && <span className={styles["version"]}>v{config.serverVersion}</span>}
        <ThemeMenu />
        {viewer ? (
          <UserMenu viewer={viewer} />
        ) : (
          !config.authenticationEnabled && (
            <NavLink to="/profile/preferences" className={menus["icon"] ?? ""} aria-label="Preferences" title="Preferences">
              <SlidersHorizontal size={15} aria-hidden="true" />
            </NavLink>
          )
        )}
      </div>
    </>
  );
}

interface ItemProps {
  readonly to?: string;
  readonly href?: string;
  readonly icon: LucideIcon;
  readonly label: string;
  readonly narrow: boolean;
}

function Item({ to, href, icon: Icon, label, narrow }: ItemProps) {
  const inside = (
    <>
      <Icon size={15} aria-hidden="true" />
      <span className={narrow ? "visually-hidden" : undefined}>{label}</span>
    </>
  );
  return (
    <li>
      {to === undefined ? (
        <a href={href} className={styles["item"]} title={narrow ? label : undefined}>
          {inside}
        </a>
      ) : (
        <NavLink to={to} className={styles["item"] ?? ""} title={narrow ? label : undefined}>
          {inside}
        </NavLink>
      )}
    </li>
  );
}
