/** Mantine's controls as typed links of the router. */
import { ActionIcon, Button, Menu, type ActionIconProps, type ButtonProps, type MenuItemProps } from '@mantine/core';
import { createLink } from '@tanstack/react-router';
import type { AnchorHTMLAttributes, Ref } from 'react';

type Anchor = Omit<AnchorHTMLAttributes<HTMLAnchorElement>, keyof ButtonProps | keyof ActionIconProps> & { ref?: Ref<HTMLAnchorElement> };

export const ButtonLink = createLink((props: ButtonProps & Anchor) => <Button component="a" {...props} />);
export const ActionIconLink = createLink((props: ActionIconProps & Anchor) => <ActionIcon component="a" {...props} />);
export const MenuItemLink = createLink((props: MenuItemProps & Omit<Anchor, keyof MenuItemProps>) => <Menu.Item component="a" {...props} />);
