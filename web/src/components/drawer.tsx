import { X } from "lucide-react";
import type { ReactNode } from "react";
import { Dialog, Heading } from "react-aria-components/Dialog";
import { Modal, ModalOverlay } from "react-aria-components/Modal";
import { useFocusKept, useGone } from "@/lib/hooks";
import { IconButton } from "./button";
import styles from "./drawer.module.css";

interface DrawerProps {
  readonly title: string;
  /** Shown below the title. */
  readonly subtitle?: ReactNode;
  readonly isOpen: boolean;
  readonly onClose: () => void;
  /** Something was typed that closing by accident would lose. */
  readonly isDirty?: boolean;
  readonly children: ReactNode;
}

/** What belongs to one entry of a list, beside the list. */
export function Drawer({ title, subtitle, isOpen, onClose, isDirty = false, children }: DrawerProps) {
  const gone = useGone(isOpen);
  const keepFocus = useFocusKept();
  if (gone) return null;
  return (
    <ModalOverlay
      isOpen={isOpen}
      isDismissable={!isDirty}
      isKeyboardDismissDisabled={isDirty}
      onOpenChange={(open) => {
        if (!open) onClose();
      }}
      className={styles["scrim"] ?? ""}
    >
      <Modal className={styles["modal"] ?? ""}>
        <Dialog ref={keepFocus} className={styles["dialog"] ?? ""}>
          <header className={styles["header"]}>
            <div className={styles["titles"]}>
              <Heading slot="title">{title}</Heading>
              {subtitle}
            </div>
            <IconButton icon={X} label="Close" onClick={onClose} />
          </header>
          <div className={styles["body"]}>{children}</div>
        </Dialog>
      </Modal>
    </ModalOverlay>
  );
}

export function DrawerSection({ title, actions, children }: { readonly title: string; readonly actions?: ReactNode; readonly children: ReactNode }) {
  return (
    <section className={styles["section"]} aria-label={title}>
      <div className={styles["sectionHead"]}>
        <h3>{title}</h3>
        {actions}
      </div>
      {children}
    </section>
  );
}
