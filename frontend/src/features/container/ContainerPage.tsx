export const ContainerPage = () => null; // STUB
