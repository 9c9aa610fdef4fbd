CREATE TABLE `t` (`nom` text, `prenom` text, `mail` text, `mobile` text);
INSERT INTO `t` VALUES ('Martin','Jeanne','jeanne.martin@mail.example','0612345678'),('Petit','Paul','p.petit@mail.example','0712345679'),('Le Goff','Maëlle','maelle@mail.example','0612345680'),('Durand','Zoé','zoe@mail.example','');
