import { Monitor, Moon, Sun } from "lucide-react";
import { Button } from "react-aria-components/Button";
import { PopMenu, PopMenuItem } from "@/components/menu";
import { setTheme, type Theme, useTheme } from "@/lib/theme";
import styles from "./menus.module.css";

const icons = { system: Monitor, light: Sun, dark: Moon };

export function ThemeMenu() {
  const theme = useTheme();
  const Icon = icons[theme];
  return (
    <PopMenu
      label="Theme"
      placement="top end"
      selectionMode="single"
      selectedKeys={[theme]}
      onAction={(key) => {
        setTheme(String(key) as Theme);
      }}
      trigger={
        <Button aria-label={`Theme: ${theme}`} className={styles["icon"] ?? ""}>
          <Icon size={15} aria-hidden="true" />
        </Button>
      }
    >
      <PopMenuItem id="system" icon={Monitor}>
        System
      </PopMenuItem>
      <PopMenuItem id="light" icon={Sun}>
        Light
      </PopMenuItem>
      <PopMenuItem id="dark" icon={Moon}>
        Dark
      </PopMenuItem>
    </PopMenu>
  );
}
