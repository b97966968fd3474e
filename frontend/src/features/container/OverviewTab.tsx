export const OverviewTab = () => null; // STUB
