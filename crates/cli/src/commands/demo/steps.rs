//! The steps by their titles, and what a person would type for each.

/// A step of the walk-through.
pub(super) struct Title {
    pub(super) english: &'static str,
    pub(super) russian: &'static str,
    /// What a person would type for it.
    pub(super) command: &'static str,
    /// The operation that it is about; none for the push, which goes to the registry instead of this API.
    pub(super) operation: Option<&'static str>,
}

const fn title(
    english: &'static str,
    russian: &'static str,
    command: &'static str,
    operation: Option<&'static str>,
) -> Title {
    Title { english, russian, command, operation }
}

/// The names in the commands are those that the walk uses; IMAGE is the one that the simulator holds from the start.
#[rustfmt::skip] // One step is one row.
pub(super) const STEPS: [Title; 14] = [
    title("Get a registry password", "Получить пароль реестра", "mlcr password rotate", Some("generate_password")),
    title("Tag an image", "Присвоить образу тег", "mlcr tag add IMAGE walkthrough --color '#2f81f7'", Some("tag_create")),
    title("Push an image, pull it back", "Отправить образ и получить обратно", "mlcr image push ./image walk/through:v1", None),
    title("List the repositories", "Показать репозитории", "mlcr repo ls", Some("repository_list")),
    title("Mark the repository as a favourite", "Добавить репозиторий в избранное", "mlcr repo fav walk/through", Some("repository_favorite")),
    title("List the images of the repository", "Показать образы репозитория", "mlcr image ls walk/through", Some("image_list")),
    title("Change the description, add a label", "Изменить описание, добавить метку", "mlcr repo edit walk/through --add-label walkthrough --description …", Some("repository_update")),
    title("Read one image", "Посмотреть один образ", "mlcr image show walk/through:v1", Some("image_get")),
    title("List the tags of the image", "Показать теги образа", "mlcr tag ls walk/through:v1", Some("tag_list")),
    title("Create another tag", "Создать ещё один тег", "mlcr tag add walk/through:v1 v1-tested --color '#2f81f7'", Some("tag_create")),
    title("Change the colour of the tag", "Изменить цвет тега", "mlcr tag color walk/through:v1-tested '#2ea043'", Some("tag_update")),
    title("Delete the tag", "Удалить тег", "mlcr tag rm walk/through:v1-tested", Some("tag_delete")),
    title("Delete the image", "Удалить образ", "mlcr image rm walk/through:v1", Some("image_delete")),
    title("Delete the repository", "Удалить репозиторий", "mlcr repo rm walk/through", Some("repository_delete")),
];
