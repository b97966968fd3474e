export const HostsPage = () => null; // STUB
