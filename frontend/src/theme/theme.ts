/** The Mantine theme: our tokens under Mantine's names, plus the few defaults of its components that differ from ours. */
import {
  ActionIcon,
  Button,
  createTheme,
  Menu,
  Modal,
  NativeSelect,
  PasswordInput,
  Popover,
  Textarea,
  TextInput,
  Tooltip,
  type CSSVariablesResolver,
} from '@mantine/core';
import controls from './controls.module.css';
import { dark, darks, greys, harbour, light, shape } from './tokens';

const inputClasses = {
  root: controls.inputRoot,
  input: controls.input,
  label: controls.label,
  description: controls.description,
  error: controls.error,
  section: controls.section,
};

export const theme = createTheme({
  colors: { harbour: [...harbour], gray: [...greys], dark: [...darks] },
  primaryColor: 'harbour',
  primaryShade: { light: 7, dark: 6 },
  black: '#14202b',
  fontFamily: shape.font,
  fontFamilyMonospace: shape.mono,
  fontSizes: { xs: shape['fs-xs'], sm: shape['fs-sm'], md: shape['fs-md'], lg: shape['fs-lg'], xl: shape['fs-xl'] },
  spacing: { xs: shape['sp-xs'], sm: shape['sp-sm'], md: shape['sp-md'], lg: shape['sp-lg'], xl: shape['sp-xl'] },
  radius: { xs: shape['r-xs'], sm: shape['r-sm'], md: shape['r-md'], lg: shape['r-lg'] },
  defaultRadius: 'sm',
  shadows: { md: 'var(--mo-shadow)' },
  focusRing: 'auto',
  respectReducedMotion: true,
  components: {
    Button: Button.extend({
      defaultProps: { variant: 'default', size: 'sm' },
      classNames: { root: controls.button, section: controls.buttonSection },
    }),
    ActionIcon: ActionIcon.extend({
      defaultProps: { variant: 'subtle', color: 'gray', size: 28 },
      classNames: { root: controls.actionIcon },
    }),
    TextInput: TextInput.extend({ classNames: inputClasses }),
    Textarea: Textarea.extend({ classNames: inputClasses }),
    NativeSelect: NativeSelect.extend({ classNames: inputClasses }),
    PasswordInput: PasswordInput.extend({ classNames: { ...inputClasses, innerInput: controls.innerInput } }),
    Menu: Menu.extend({
      // Focus goes to the first item itself; Mantine's placeholder in front of it is no item of a menu.
      defaultProps: { shadow: 'md', radius: 'md', position: 'bottom-end', offset: 4, transitionProps: { duration: 80 }, withInitialFocusPlaceholder: false },
      classNames: {
        dropdown: controls.menu,
        item: controls.menuItem,
        itemSection: controls.menuSection,
        label: controls.menuLabel,
        divider: controls.menuDivider,
      },
    }),
    Popover: Popover.extend({
      defaultProps: { shadow: 'md', radius: 'md', position: 'bottom-end', offset: 4, transitionProps: { duration: 80 } },
      classNames: { dropdown: controls.menu },
    }),
    Modal: Modal.extend({
      defaultProps: {
        radius: 'lg',
        centered: true,
        size: 480,
        withCloseButton: false,
        transitionProps: { duration: 150 },
        overlayProps: { color: 'var(--mo-scrim)', backgroundOpacity: 1 },
      },
      classNames: {
        content: controls.dialog,
        header: controls.dialogHeader,
        title: controls.dialogTitle,
        body: controls.dialogBody,
        overlay: controls.scrim,
      },
    }),
    Tooltip: Tooltip.extend({
      defaultProps: { openDelay: 300, withArrow: false, transitionProps: { duration: 80 } },
      classNames: { tooltip: controls.tooltip },
    }),
  },
});

function variables(values: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [`--mo-${name}`, value]));
}

/** Mantine's own names that would fall short of 4.5:1 or drift from our surfaces are pointed at our tokens. */
const overrides = {
  '--mantine-color-placeholder': 'var(--mo-text-3)',
  '--mantine-color-disabled-color': 'var(--mo-text-3)',
  '--mantine-color-disabled': 'var(--mo-sunken)',
  '--mantine-color-disabled-border': 'var(--mo-line)',
  '--mantine-color-error': 'var(--mo-bad)',
  '--mantine-color-anchor': 'var(--mo-link)',
  '--mantine-color-body': 'var(--mo-surface)',
  '--mantine-color-text': 'var(--mo-text)',
  '--mantine-color-dimmed': 'var(--mo-text-3)',
  '--mantine-color-default': 'var(--mo-surface)',
  '--mantine-color-default-hover': 'var(--mo-hover)',
  '--mantine-color-default-border': 'var(--mo-line-strong)',
};

export const cssVariablesResolver: CSSVariablesResolver = () => ({
  variables: {
    ...variables(shape),
    ...Object.fromEntries(harbour.map((value, index) => [`--mo-harbour-${index}`, value])),
  },
  light: { ...variables(light), ...overrides },
  dark: { ...variables(dark), ...overrides },
});
