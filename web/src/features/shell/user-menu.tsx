import { KeySquare, LogOut } from "lucide-react";
import { Button } from "react-aria-components/Button";
import { useNavigate } from "react-router";
import { PopMenu, PopMenuItem } from "@/components/menu";
import { logout, type Viewer } from "@/features/auth/session";
import styles from "./menus.module.css";

export function UserMenu({ viewer }: { readonly viewer: Viewer }) {
  const navigate = useNavigate();
  return (
    <PopMenu
      label="Account"
      placement="top end"
      header={
        <div className={styles["who"]}>
          <strong>{viewer.username}</strong>
          {viewer.email && <span>{viewer.email}</span>}
          <span className={styles["role"]}>{viewer.role.name.toLowerCase()}</span>
        </div>
      }
      onAction={(key) => {
        if (key === "logout") logout();
        else void navigate("/reset-password");
      }}
      trigger={
        <Button aria-label={`Account of ${viewer.username}`} className={styles["icon"] ?? ""}>
          <span className={styles["avatar"]} aria-hidden="true">
            {viewer.username.slice(0, 1).toUpperCase()}
          </span>
        </Button>
      }
    >
      <PopMenuItem id="password" icon={KeySquare}>
        Change password
      </PopMenuItem>
      <PopMenuItem id="logout" icon={LogOut}>
        Sign out
      </PopMenuItem>
    </PopMenu>
  );
}
