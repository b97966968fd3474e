export const JobsPage = () => null; // STUB
