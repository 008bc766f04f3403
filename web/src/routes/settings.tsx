import { useQuery } from "@tanstack/react-query";
import { SectionedPage } from "@/components/page";
import { isAdmin, viewerOptions } from "@/features/auth/session";

const general = { to: "/settings/general", label: "General" };
const data = { to: "/settings/data", label: "Data" };
const forAdmins = [
  { to: "/settings/users", label: "Users" },
  { to: "/settings/api-keys", label: "API keys" },
  { to: "/settings/alerts", label: "Alerts" },
  { to: "/settings/access-log", label: "Access log" },
  { to: "/settings/audit-log", label: "Audit log" },
];

export function Component() {
  const { data: viewer } = useQuery(viewerOptions);
  return <SectionedPage title="Settings" sections={[general, data, ...(isAdmin(viewer) ? forAdmins : [])]} />;
}
