import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { BellRing, BookText, Braces, CircleUser, Folder, FolderTree, History, KeyRound, KeySquare, LogOut, type LucideIcon, Monitor, MonitorSmartphone, Moon, ScrollText, Search, Settings, SlidersHorizontal, Sun, Users, Workflow } from "lucide-react";
import { type ReactNode, useState } from "react";
import { Autocomplete } from "react-aria-components/Autocomplete";
import { Dialog } from "react-aria-components/Dialog";
import { Input } from "react-aria-components/Input";
import { Header, Menu, MenuItem, MenuSection } from "react-aria-components/Menu";
import { Modal, ModalOverlay } from "react-aria-components/Modal";
import { TextField } from "react-aria-components/TextField";
import { useNavigate } from "react-router";
import { asApiError } from "@/api/errors";
import { useToast } from "@/components/toast";
import { serverPath } from "@/config";
import { isAdmin, logout, viewerOptions } from "@/features/auth/session";
import { projectsOptions } from "@/features/projects/queries";
import { findProjectOfTrace } from "@/features/traces/queries";
import { tracePath } from "@/lib/paths";
import { setTheme } from "@/lib/theme";
import styles from "./command-palette.module.css";

interface Command {
  readonly id: string;
  readonly icon: LucideIcon;
  readonly text: string;
  readonly also?: string;
  readonly run: () => void;
}

const traceId = /^[0-9a-f]{32}$/i;

export default function CommandPalette({ onClose }: { readonly onClose: () => void }) {
  const navigate = useNavigate();
  const toast = useToast();
  const viewer = useQuery(viewerOptions).data;
  const projects = useInfiniteQuery(projectsOptions("")).data?.pages.flatMap((page) => page.projects.edges.map((edge) => edge.node)) ?? [];
  const [query, setQuery] = useState("");
  const wanted = query.trim().toLowerCase();

  async function openTrace(id: string) {
    try {
      const project = await findProjectOfTrace(id);
      if (project === null) toast(`No project holds the trace ${id}.`, "danger");
      else await navigate(tracePath(project, id));
    } catch (error) {
      toast(asApiError(error).message, "danger");
    }
  }

  const go = (path: string) => () => {
    void navigate(path);
  };
  const pages: Command[] = [
    { id: "projects", icon: FolderTree, text: "Projects", run: go("/projects") },
    ...(isAdmin(viewer)
      ? [
          { id: "users", icon: Users, text: "Users", also: "settings people roles passwords", run: go("/settings/users") },
          { id: "keys", icon: KeyRound, text: "System API keys", also: "settings tokens", run: go("/settings/api-keys") },
          { id: "alerts", icon: BellRing, text: "Alerts", also: "settings webhooks mail unused expiring", run: go("/settings/alerts") },
          { id: "access-log", icon: ScrollText, text: "Access log", also: "settings requests usage", run: go("/settings/access-log") },
          { id: "audit-log", icon: History, text: "Audit log", also: "settings changes who", run: go("/settings/audit-log") },
        ]
      : []),
    ...(viewer
      ? [
          { id: "account", icon: CircleUser, text: "Your account", also: "profile username password role", run: go("/profile/account") },
          { id: "own-keys", icon: KeySquare, text: "Your API keys", also: "profile tokens", run: go("/profile/api-keys") },
          { id: "sessions", icon: MonitorSmartphone, text: "Your sessions", also: "profile devices", run: go("/profile/sessions") },
        ]
      : []),
    { id: "preferences", icon: SlidersHorizontal, text: "Preferences", also: "profile theme time zone", run: go("/profile/preferences") },
    { id: "settings", icon: Settings, text: "Settings", also: "server version address", run: go("/settings/general") },
    { id: "rest", icon: BookText, text: "REST API reference", also: "docs openapi", run: () => { window.location.assign(serverPath("/docs")); } },
    { id: "graphql", icon: Braces, text: "GraphQL explorer", also: "docs schema", run: () => { window.location.assign(serverPath("/graphql")); } },
  ];
  const actions: Command[] = [
    { id: "light", icon: Sun, text: "Light theme", also: "appearance", run: () => { setTheme("light"); } },
    { id: "dark", icon: Moon, text: "Dark theme", also: "appearance", run: () => { setTheme("dark"); } },
    { id: "system", icon: Monitor, text: "System theme", also: "appearance", run: () => { setTheme("system"); } },
    ...(viewer ? [{ id: "logout", icon: LogOut, text: "Sign out", also: "logout leave", run: () => { logout(); } }] : []),
  ];
  const fits = (command: Command) => wanted === "" || `${command.text} ${command.also ?? ""}`.toLowerCase().includes(wanted);
  const sections: { readonly title: string; readonly commands: readonly Command[] }[] = [
    {
      title: "Trace",
      commands: traceId.test(wanted) ? [{ id: "trace", icon: Workflow, text: `Open trace ${wanted}`, run: () => void openTrace(wanted) }] : [],
    },
    {
      title: "Projects",
      commands: projects
        .map((project): Command => ({ id: project.id, icon: Folder, text: project.name, run: go(tracePath(project.id)) }))
        .filter(fits)
        .slice(0, 8),
    },
    { title: "Go to", commands: pages.filter(fits) },
    { title: "Do", commands: actions.filter(fits) },
  ].filter((section) => section.commands.length > 0);
  const all = sections.flatMap((section) => section.commands);

  return (
    <ModalOverlay
      isOpen
      isDismissable
      onOpenChange={(open) => {
        if (!open) onClose();
      }}
      className={styles["scrim"] ?? ""}
    >
      <Modal className={styles["modal"] ?? ""}>
        <Dialog aria-label="Search and commands" className={styles["dialog"] ?? ""}>
          <Autocomplete inputValue={query} onInputChange={setQuery}>
            <TextField aria-label="Search projects and commands" autoFocus className={styles["field"] ?? ""}>
              <Search size={15} aria-hidden="true" />
              <Input placeholder="Go to a project, paste a trace id, or do something…" spellCheck={false} />
            </TextField>
            <Menu
              aria-label="Commands"
              className={styles["menu"] ?? ""}
              renderEmptyState={(): ReactNode => <p className={styles["none"]}>Nothing matches.</p>}
              onAction={(key) => {
                onClose();
                all.find((command) => command.id === key)?.run();
              }}
            >
              {sections.map((section) => (
                <MenuSection key={section.title} id={section.title}>
                  <Header className={styles["section"] ?? ""}>{section.title}</Header>
                  {section.commands.map(({ id, icon: Icon, text }) => (
                    <MenuItem key={id} id={id} textValue={text} className={styles["item"] ?? ""}>
                      <Icon size={14} aria-hidden="true" />
                      <span>{text}</span>
                    </MenuItem>
                  ))}
                </MenuSection>
              ))}
            </Menu>
          </Autocomplete>
        </Dialog>
      </Modal>
    </ModalOverlay>
  );
}
