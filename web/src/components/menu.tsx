import type { LucideIcon } from "lucide-react";
import type { ReactElement, ReactNode } from "react";
import { Menu, MenuItem, MenuTrigger, type MenuProps } from "react-aria-components/Menu";
import { Separator } from "react-aria-components/Separator";
import { Popover, type PopoverProps } from "react-aria-components/Popover";
import styles from "./menu.module.css";

interface PopMenuProps extends Pick<MenuProps<object>, "onAction" | "selectionMode" | "selectedKeys" | "onSelectionChange" | "children"> {
  readonly label: string;
  /** The button that opens the menu; a pressable of the headless library. */
  readonly trigger: ReactElement;
  readonly placement?: PopoverProps["placement"];
  readonly header?: ReactNode;
}

export function PopMenu({ label, trigger, placement = "bottom end", header, ...menu }: PopMenuProps) {
  return (
    <MenuTrigger>
      {trigger}
      <Popover placement={placement} offset={6} className={styles["popover"] ?? ""}>
        {header && <div className={styles["header"]}>{header}</div>}
        <Menu aria-label={label} className={styles["menu"] ?? ""} {...menu} />
      </Popover>
    </MenuTrigger>
  );
}

/** A line between those that belong together and the rest. */
export function PopMenuLine() {
  return <Separator className={styles["line"] ?? ""} />;
}

interface PopMenuItemProps {
  readonly id: string;
  readonly icon?: LucideIcon;
  readonly children: string;
  readonly href?: string;
  readonly danger?: boolean;
}

export function PopMenuItem({ id, icon: Icon, children, href, danger }: PopMenuItemProps) {
  return (
    <MenuItem id={id} textValue={children} className={styles["item"] ?? ""} data-danger={danger === true ? true : undefined} {...(href ? { href } : {})}>
      {({ isSelected, selectionMode }) => (
        <>
          {Icon && <Icon size={14} aria-hidden="true" />}
          <span>{children}</span>
          {selectionMode !== "none" && isSelected && <span className={styles["dot"]} aria-hidden="true" />}
        </>
      )}
    </MenuItem>
  );
}
