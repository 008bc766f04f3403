import { useQuery } from "@tanstack/react-query";
import { SectionedPage } from "@/components/page";
import { isAdmin, viewerOptions } from "@/features/auth/session";

const general = { to: "/settings/general", label: "General" };
const forAdmins = [
  { to: "/settings/users", label: "Users" },
  { to: "/settings/api-keys", label: "API keys" },
];

export function Component() {
  const { data: viewer } = useQuery(viewerOptions);
  return <SectionedPage title="Settings" sections={isAdmin(viewer) ? [general, ...forAdmins] : [general]} />;
}
