import { Badge } from "@/components/badge";
import { stateOf } from "./rules";

export function UserStateBadge({ user }: { readonly user: { readonly isActive: boolean; readonly passwordNeedsReset: boolean } }) {
  switch (stateOf(user)) {
    case "active":
      return <Badge tone="success">Active</Badge>;
    case "deactivated":
      return <Badge>Deactivated</Badge>;
    case "mustChangePassword":
      return <Badge tone="warning">Must change password</Badge>;
  }
}
