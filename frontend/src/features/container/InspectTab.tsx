export const InspectTab = () => null; // STUB
