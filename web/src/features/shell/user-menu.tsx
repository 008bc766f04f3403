import { CircleUser, KeySquare, LogOut, MonitorSmartphone, SlidersHorizontal } from "lucide-react";
import { useState } from "react";
import { Button as Pressable } from "react-aria-components/Button";
import { useNavigate } from "react-router";
import { Button } from "@/components/button";
import { DialogActions, DialogBox } from "@/components/dialog";
import { PopMenu, PopMenuItem, PopMenuLine } from "@/components/menu";
import { roleLabel } from "@/features/auth/roles";
import { logout, type Viewer } from "@/features/auth/session";
import styles from "./menus.module.css";

export function UserMenu({ viewer }: { readonly viewer: Viewer }) {
  const navigate = useNavigate();
  const [asking, setAsking] = useState(false);
  const close = () => {
    setAsking(false);
  };
  return (
    <>
      <PopMenu
        label="Account"
        placement="top end"
        header={
          <div className={styles["who"]}>
            <strong>{viewer.username}</strong>
            {viewer.email && <span>{viewer.email}</span>}
            <span className={styles["role"]}>{roleLabel(viewer.role.name)}</span>
          </div>
        }
        onAction={(key) => {
          if (key === "logout") logout();
          else if (key === "logout-everywhere") setAsking(true);
          else void navigate(`/profile/${String(key)}`);
        }}
        trigger={
          <Pressable aria-label={`Account of ${viewer.username}`} className={styles["icon"] ?? ""}>
            <span className={styles["avatar"]} aria-hidden="true">
              {viewer.username.slice(0, 1).toUpperCase()}
            </span>
          </Pressable>
        }
      >
        <PopMenuItem id="account" icon={CircleUser}>
          Profile
        </PopMenuItem>
        <PopMenuItem id="api-keys" icon={KeySquare}>
          Your API keys
        </PopMenuItem>
        <PopMenuItem id="preferences" icon={SlidersHorizontal}>
          Preferences
        </PopMenuItem>
        <PopMenuLine />
        <PopMenuItem id="logout" icon={LogOut}>
          Sign out
        </PopMenuItem>
        <PopMenuItem id="logout-everywhere" icon={MonitorSmartphone}>
          Sign out everywhere…
        </PopMenuItem>
      </PopMenu>
      <DialogBox title="Sign out everywhere?" role="alertdialog" isOpen={asking} onClose={close}>
        <p>Every browser and device on which you are signed in has to sign in again, this one included. Your API keys go on working.</p>
        <DialogActions>
          <Button autoFocus onClick={close}>
            Cancel
          </Button>
          <Button
            variant="danger"
            onClick={() => {
              logout("everywhere");
            }}
          >
            Sign out everywhere
          </Button>
        </DialogActions>
      </DialogBox>
    </>
  );
}
